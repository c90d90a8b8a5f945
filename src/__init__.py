"""The library behind the stages and tools: one package per stage, and packages for working with the results."""
