"""Studies: TOML files, their schema, and their expansion into rows and runs."""
