"""The algorithm: the learner, variants, settings, the network, and a file or folder per slot."""
