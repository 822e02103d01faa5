"""The shipped models, each one `.keras` file with its card beside it."""
