"""`embassy report`: what the embassy's history says of a period, for those who answer for the registers."""
