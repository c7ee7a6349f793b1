"""A node's name as one word: any text can be a name, not any can be a server's or in a subject."""

from urllib.parse import quote, unquote


def name_word(name: str) -> str:
    """Without spaces, dots and wildcards; a plain name stays as it is."""
    return quote(name, safe="").replace(".", "%2E")


def name_of(word: str) -> str:
    """The name that became this word."""
    return unquote(word)
