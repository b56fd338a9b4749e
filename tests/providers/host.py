"""Pulumi's real plugin host for dynamic providers, driven over gRPC as the engine drives it.

    with Host() as host:
        host.configure({"wireguard-vpn:netbox_token": "…"})
        inputs, failures = host.check(Provider(), {}, {"name": "alice"})
        id_, outs = host.create(Provider(), inputs)

What the engine does and the host does not is done here: ints become floats, None vanishes.
"""

import io
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import proto
from pulumi.runtime.proto import provider_pb2_grpc

ROOT = Path(__file__).parents[2]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
PROVIDER_KEY = "__provider"
PATIENCE = 300
"""Seconds for any operation: the machine may be busy with the other workers' tests."""


_forks = multiprocessing.get_context("forkserver")
# Hundreds of plugins are started: what is not ours is imported once, and each is a fork of the process that has it.
_forks.set_forkserver_preload(["dill", "grpc", "httpx", "paramiko", "pulumi.dynamic", "pydantic", "pynetbox"])


def _plugin(environ: dict[str, str], cwd: Path, said: Connection, complained: Connection) -> None:
    """Run what the engine runs, `python -u -m pulumi.dynamic`, in this process."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environ)
    os.dup2(said.fileno(), 1)
    os.dup2(complained.fileno(), 2)
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(n, "w"), write_through=True) for n in (1, 2))
    sys.path[0] = str(cwd)
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


@dataclass(frozen=True)
class Diff:
    """What a provider says about a change."""

    changes: bool | None
    replaces: tuple[str, ...]


class HostError(Exception):
    """An operation failed; the text is what Pulumi would show."""


class Host:
    """One plugin process; `environ` is added to its environment."""

    def __init__(self, environ: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
        self._stdout, said = _forks.Pipe(duplex=False)
        self._stderr, complained = _forks.Pipe(duplex=False)
        arguments = ({**os.environ, **(environ or {})}, cwd, said, complained)
        self._process = _forks.Process(target=_plugin, args=arguments, daemon=True)
        self._process.start()
        said.close()
        complained.close()
        with open(self._stdout.fileno(), closefd=False) as stdout:
            port = int(stdout.readline())
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.stderr = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the plugin; what it printed is in `stderr` afterwards."""
        if self._stderr.closed:
            return
        self._channel.close()
        self._process.terminate()
        with io.FileIO(os.dup(self._stderr.fileno())) as stderr:
            self.stderr = stderr.readall().decode()
        self._process.join(timeout=20)
        self._stdout.close()
        self._stderr.close()

    def configure(self, config: Mapping[str, str]) -> None:
        """Hand over the stack's config (`namespace:key` → text)."""
        self._stub.Configure(proto.ConfigureRequest(args=_struct(dict(config))))

    def check(
        self, provider: ResourceProvider, olds: Mapping[str, Any], news: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the checked inputs and the failures by property."""
        old = _with(provider, olds) if olds else None
        request = proto.CheckRequest(olds=old, news=_with(provider, news))
        answer = self._call("Check", request)
        return _dict(answer.inputs), {f.property: f.reason for f in answer.failures}

    def diff(
        self,
        provider: ResourceProvider,
        olds: Mapping[str, Any],
        news: Mapping[str, Any],
        id_: str = "id",
    ) -> Diff:
        """Return whether and how `news` (checked inputs) differ from `olds` (outputs)."""
        request = proto.DiffRequest(id=id_, olds=_with(provider, olds), news=_with(provider, news))
        answer = self._call("Diff", request)
        known = {proto.DiffResponse.DIFF_SOME: True, proto.DiffResponse.DIFF_NONE: False}
        return Diff(known.get(answer.changes), tuple(answer.replaces))

    def create(self, provider: ResourceProvider, props: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the new id and outputs; raises HostError."""
        answer = self._call("Create", proto.CreateRequest(properties=_with(provider, props)))
        return answer.id, _dict(answer.properties)

    def read(
        self, provider: ResourceProvider, id_: str, props: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Return id (empty when gone), outputs and inputs; raises HostError."""
        request = proto.ReadRequest(id=id_, properties=_with(provider, props), inputs=_with(provider, props))
        answer = self._call("Read", request)
        return answer.id, _dict(answer.properties), _dict(answer.inputs)

    def update(
        self,
        provider: ResourceProvider,
        id_: str,
        olds: Mapping[str, Any],
        news: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return the outputs after the change; raises HostError."""
        request = proto.UpdateRequest(id=id_, olds=_with(provider, olds), news=_with(provider, news))
        return _dict(self._call("Update", request).properties)

    def delete(self, provider: ResourceProvider, id_: str, props: Mapping[str, Any]) -> None:
        """Remove the resource; raises HostError."""
        self._call("Delete", proto.DeleteRequest(id=id_, properties=_with(provider, props)))

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=PATIENCE)
        except grpc.RpcError as error:
            raise HostError(error.details()) from None


def token(provider: ResourceProvider) -> str:
    """What the state stores for `provider`."""
    stored: str = serialize_provider(provider)
    return stored


def _with(provider: ResourceProvider, props: Mapping[str, Any]) -> struct_pb2.Struct:
    return _struct({**props, PROVIDER_KEY: token(provider)})


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({k: v for k, v in values.items() if v is not None})
    return struct


def _dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    values: dict[str, Any] = json_format.MessageToDict(struct)
    values.pop(PROVIDER_KEY, None)
    return values
