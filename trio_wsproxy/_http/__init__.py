"""HTTP/1.1 as far as it is spoken here: one head, one refusal, the headers, what an answer proves."""
