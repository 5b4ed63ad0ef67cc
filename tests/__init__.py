"""The tests: names of modules start with ``tests.``, so that none is taken for a package of the same name."""
