"""How a picture becomes an image for the network: for data of your own, and for predictions."""
