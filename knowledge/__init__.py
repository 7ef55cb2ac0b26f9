"""What the bot knows: learned documents, and passages looked up in them by words and by meaning."""

import os

# numpy reads it when it is first imported. More threads than one help no vector of ours, and for tens of
# milliseconds after each product they spin on cores that others need: thrice the CPU of a message.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
