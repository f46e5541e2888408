"""Pictures for the documents, drawn from the code's own tables. `python -m docs.pictures` draws them anew."""
