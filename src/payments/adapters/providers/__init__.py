"""The companies that move money: one folder each, the same file names in each, deletable one by one."""
