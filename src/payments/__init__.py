"""One API, one state machine and one truth in front of Chapa, Paystack, M-Pesa and cash on delivery."""
