"""The face models: their manifest and cards, how they are fetched, how they are judged."""
