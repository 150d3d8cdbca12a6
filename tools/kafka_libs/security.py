# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Listeners with SASL and TLS: a user, a certificate authority of the cluster's own, the settings of both."""
import os
import secrets
import shutil
import subprocess

from . import UNAVAILABLE, Failure

USER = "millrace"
PASSWORD_VARIABLE = "MILLRACE_KAFKA_PASSWORD"
DAYS = "30"


def listeners(options):
    """The names of a broker's client listeners; the plain one comes first."""
    names = ["PLAINTEXT"]
    if options["sasl"]:
        names.append("SASL_PLAINTEXT")
    if options["tls"]:
        names.append("SSL")
    if options["sasl"] and options["tls"]:
        names.append("SASL_SSL")
    return names


def prepare(directory, state, options):
    """Makes the password and the certificates, once."""
    if options["sasl"] and "password" not in state:
        state["password"] = os.environ.get(PASSWORD_VARIABLE) or secrets.token_hex(12)
    if options["tls"] and not (directory / "tls").exists():
        make_certificates(directory / "tls")


def openssl(*arguments):
    if not shutil.which("openssl"):
        raise Failure("openssl is missing, so there is no listener with TLS (tools/packages.txt, group kafka)", UNAVAILABLE)
    outcome = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    if outcome.returncode != 0:
        raise Failure(f"openssl failed: {outcome.stdout.strip()[-600:]}")


def make_certificates(home):
    """An authority, a server certificate for the loopback names and a client certificate, all in PEM."""
    home.mkdir(mode=0o700)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj", "/CN=Millrace test authority",
            "-keyout", home / "ca.key", "-out", home / "ca.pem")
    for name, subject, extension in (("server", "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1\n"),
                                     ("client", USER, "extendedKeyUsage=clientAuth\n")):
        (home / "extension").write_text(extension)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}", "-keyout", home / f"{name}.key",
                "-out", home / "request")
        openssl("x509", "-req", "-in", home / "request", "-CA", home / "ca.pem", "-CAkey", home / "ca.key", "-CAcreateserial",
                "-days", DAYS, "-extfile", home / "extension", "-out", home / f"{name}.pem")
    (home / "server.both.pem").write_text((home / "server.key").read_text() + (home / "server.pem").read_text())
    for leftover in ("extension", "request"):
        (home / leftover).unlink()


def settings(directory, state, options):
    """The settings of the additional listeners."""
    result = {}
    for name in listeners(options):
        prefix = f"listener.name.{name.lower()}."
        if "SASL" in name:
            account = f"user_{USER}=\"{state['password']}\""
            result[prefix + "sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,OAUTHBEARER"
            result[prefix + "plain.sasl.jaas.config"] = \
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {account};"
            result[prefix + "scram-sha-256.sasl.jaas.config"] = \
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            # Takes tokens without a signature.
            result[prefix + "oauthbearer.sasl.jaas.config"] = \
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
        if "SSL" in name:
            result[prefix + "ssl.keystore.type"] = "PEM"
            result[prefix + "ssl.keystore.location"] = directory / "tls" / "server.both.pem"
            result[prefix + "ssl.truststore.type"] = "PEM"
            result[prefix + "ssl.truststore.location"] = directory / "tls" / "ca.pem"
            result[prefix + "ssl.client.auth"] = "requested"
    return result


def scram(state, options):
    """The user for SCRAM as the storage tool wants it; None without SASL."""
    return f"SCRAM-SHA-256=[name={USER},password={state['password']}]" if options["sasl"] else None


def status(directory, state, options):
    """What a client needs to use the additional listeners."""
    result = {}
    if options["sasl"]:
        result["sasl"] = {"user": USER, "password": state["password"], "mechanisms": ["PLAIN", "SCRAM-SHA-256", "OAUTHBEARER"]}
    if options["tls"]:
        home = directory / "tls"
        result["tls"] = {"ca": str(home / "ca.pem"), "certificate": str(home / "client.pem"), "key": str(home / "client.key")}
    return result
