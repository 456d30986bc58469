"""A separate program: answers for ONE sandbox, from inside it. Started by the engine as `python -m
hopx_tui.agent`."""

AGENT_VERSION = "0.1.0"
