"""Commands for people; they talk to a running node through its admin API and its API."""
