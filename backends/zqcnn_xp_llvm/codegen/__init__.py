"""Generating LLVM IR from Python: vectors, memory, loops, functions of vectors."""
