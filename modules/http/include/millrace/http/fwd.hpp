// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

namespace millrace::http {

class ClientPool;
class Headers;
class Health;
class Request;
class Responder;
class RouteGroup;
class Router;
class Server;
struct ClientRequest;
struct Response;
struct RouteOptions;
struct ServerOptions;
enum class Method : unsigned char;

}  // namespace millrace::http
