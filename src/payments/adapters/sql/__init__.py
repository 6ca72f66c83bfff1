"""Storage in SQL: tables, statements, mapping, one runner a database, and the migrations."""
