"""Why TLS to an engine did not come about, in words that say which certificate and what to do.

OpenSSL tells what it found wrong with the server's certificate as a number, and what the server
found wrong with ours as an alert, which is a name.
"""

import ssl

# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_NOT_YET, _ENDED = 9, 10
_OTHER_NAME = (62, 64)
_UNKNOWN = (2, 18, 19, 20, 21)


def refusal_of(error: ssl.SSLError, *, host: str, section: str, own_has_ended: bool = False) -> str:
    """A phrase of what went wrong.

    `section` is of the settings that name our files; `own_has_ended`: our certificate did.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_theirs(error, host, section)
    return _of_ours(error.reason or "", section, own_has_ended=own_has_ended)


def _of_theirs(error: ssl.SSLCertVerificationError, host: str, section: str) -> str:
    if error.verify_code == _ENDED:
        return (
            "its certificate, or that of its authority, has ended; renew it at the engine, or "
            "compare the clocks"
        )
    if error.verify_code == _NOT_YET:
        return "its certificate is not valid yet; compare the clocks of both machines"
    if error.verify_code in _OTHER_NAME:
        return (
            f"its certificate is not for {host}; add that to the certificate's names, or use one "
            "that is among them"
        )
    if error.verify_code in _UNKNOWN:
        return (
            "its certificate is signed by an authority that is not trusted here; put that of the "
            f"engine into the file of {section}.tls_ca_file"
        )
    return f"its certificate is refused here ({error.verify_message})"


def _of_ours(reason: str, section: str, *, own_has_ended: bool) -> str:
    setting = f"{section}.tls_certificate_file"
    if own_has_ended or reason.endswith("CERTIFICATE_EXPIRED"):
        return f"it refuses our certificate, which has ended; renew the file of {setting}"
    if reason.endswith("CERTIFICATE_REQUIRED"):
        return f"it wants a certificate of ours; set {setting} and {section}.tls_key_file"
    if reason.endswith(("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN")):
        return f"it refuses our certificate; that of {setting} has to be of an authority it trusts"
    words = reason.lower().replace("_", " ") or "without a reason"
    return f"the TLS handshake failed ({words})"
