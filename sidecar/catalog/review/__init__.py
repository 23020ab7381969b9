"""A local page on which a person corrects what was prepared for try-on."""
