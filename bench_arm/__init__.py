"""The benchmark: time, memory and accuracy of exported models, and the page that shows them."""
