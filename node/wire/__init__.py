"""What goes over the wire, and nothing about who sends it or why.

`*_pb2.py` are generated from `protos/node/wire/` and committed; `envelope` is the form that is signed.
"""
