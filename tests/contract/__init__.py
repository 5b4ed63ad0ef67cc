"""CONTRACT checked from outside: by the command line, the two Python doors and the files on disk."""
