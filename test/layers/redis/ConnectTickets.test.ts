import { Layer } from "effect"
import * as MemoryConnectTickets from "../../../src/layers/memory/MemoryConnectTickets.ts"
import * as RedisConnectTickets from "../../../src/layers/redis/RedisConnectTickets.ts"
import { contract } from "../../contract/ConnectTickets.ts"
import * as RedisPools from "../../support/RedisPools.ts"

const redis = RedisPools.layer("main")

contract("memory", MemoryConnectTickets.layer)
contract("Redis", RedisConnectTickets.layer.pipe(Layer.provide(redis)))
