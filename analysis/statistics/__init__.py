"""Statistics: what scores of several runs say. Pure functions of arrays; every generator is explicit."""
