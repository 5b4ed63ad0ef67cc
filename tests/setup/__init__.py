"""The set-up itself: packaging, the Makefile, the direction of imports, what our code must not do."""
