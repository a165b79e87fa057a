"""From a graph to a program: fusion, layouts, tiles, memory, instructions."""
