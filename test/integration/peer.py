"""A peer service in Python: what it knows of the service are the .proto files, compiled by protoc.

Started with the address and the directory of the compiled files; reads one call per line, as JSON, and answers each on
a line.
"""
import importlib
import json
import sys

import grpc
from google.protobuf import json_format, symbol_database

address, compiled = sys.argv[1:3]
sys.path.insert(0, compiled)
channel = grpc.insecure_channel(address)
symbols = symbol_database.Default()


def call(asked):
    package, service = asked["service"].split(".")
    contract = importlib.import_module(f"{package}_pb2").DESCRIPTOR.services_by_name[service]
    method = contract.methods_by_name[asked["method"]]
    request, response = (symbols.GetPrototype(kind) for kind in (method.input_type, method.output_type))
    stub = channel.unary_unary(
        f"/{contract.full_name}/{method.name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    try:
        answer = stub(
            json_format.ParseDict(asked["request"], request()),
            metadata=list(asked["metadata"].items()),
            timeout=10,
        )
        return {"response": json_format.MessageToDict(answer, preserving_proto_field_name=True)}
    except grpc.RpcError as error:
        trailers = {name: value for name, value in error.trailing_metadata() if isinstance(value, str)}
        return {"status": error.code().name, "details": error.details(), "trailers": trailers}


for line in sys.stdin:
    print(json.dumps(call(json.loads(line))), flush=True)
