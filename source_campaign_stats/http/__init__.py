"""Requests and answers: keys in headers, what an answer must look like, what is asked again, how long to wait."""
