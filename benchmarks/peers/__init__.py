"""Other servers with the same work behind them: the same models, the same frames, so that only the serving differs."""
