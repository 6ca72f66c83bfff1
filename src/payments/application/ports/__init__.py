"""The needs of the use-cases, one file each; the listing is the documentation."""
