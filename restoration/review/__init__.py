"""The review page: a small web service on which a person looks at doubtful photographs and decides about each."""
