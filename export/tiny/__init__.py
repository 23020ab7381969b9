"""Small random models of the classes that recipes name, and the table that holds their exports against them."""
