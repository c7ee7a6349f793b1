"""OpenAI's Responses API, asked as a chat and answered in its own form.

Pure: bodies and chunks in, bodies and events out. `docs/guides/conversations.md` has the tables of
what becomes what, what is left out knowingly, and what is refused.
"""
