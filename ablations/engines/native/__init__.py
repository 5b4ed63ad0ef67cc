"""Compiled code under the native engine: C++ sources, and what finds and binds the libraries built from them.

The package build makes one library per instruction set from the same sources; the best that this processor has is
loaded. Without a compiler there is none, and the reference does the work.
"""
