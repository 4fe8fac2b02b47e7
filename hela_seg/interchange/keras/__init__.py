"""The authors' Keras files -> weights of our nets, without TensorFlow.

- ``saved``: what an HDF5 file of Keras 2 holds: its layers, its graph and its variables
- ``graph``: the graph that Keras writes into such a file
- ``plans``: the paper's nets as Keras has them, and which module of ours each layer is
- ``find``: which layer of a file is which of a plan
- ``match``: a file and a net of ours -> a state dict
"""
