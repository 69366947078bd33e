"""What the agent is judged by: homes, sentences, and what has to happen."""
