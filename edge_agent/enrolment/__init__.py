"""How a kiosk gets its keys certified: at its first boot with its card, later by itself.

The process that meets people makes the signing key, the one with the network makes the TLS key. Neither sees the
other's; they meet through small files on the shared mount, each written whole and renamed:

    signing.csr           the kiosk's signing request (DER), for the courier to take along
    tls.csr               the courier's, when it is to be renewed
    enrolment-request     what the courier sent, so that the kiosk shows words of exactly that
    renewal-request       what the kiosk signed, for the courier to send
    enrolment-reply       what the office answered; each process verifies it under the card's root for itself
    six-words             the words that staff compare

A key that is not certified yet lies beside its place with `.next` at its end. `homeward-kiosk run` and
`homeward-courier run` begin with enrolment by themselves while their key is missing, and go on to their work after it.
"""
