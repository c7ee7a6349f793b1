"""Anthropic's Messages API and OpenAI's chat, each said in the other's form.

Pure: bytes and events in, bytes and events out. `docs/guides/anthropic.md` has the tables of what
becomes what, what is left out knowingly, and what is refused.
"""
