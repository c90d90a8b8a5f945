"""The library behind the stages and tools: one package per stage, and what people do with the results."""
