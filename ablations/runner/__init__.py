"""The runner: from a study to stored runs."""
