"""The HTTP interface as a Starlette application, one file a resource."""
