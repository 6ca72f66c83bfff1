"""The companies that move money, one folder each with the same file names; each folder can be deleted alone."""
