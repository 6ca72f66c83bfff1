"""The HTTP interface as a Starlette application, one file a resource."""

from payments.entrypoints.http.app import create_app

__all__ = ["create_app"]
