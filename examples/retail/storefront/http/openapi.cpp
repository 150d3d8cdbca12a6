// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "api.hpp"

namespace retail::storefront {

std::string_view openapi_json() {
  return R"json({
  "openapi": "3.1.0",
  "info": {"title": "Retail storefront", "version": "0.1.0"},
  "paths": {
    "/orders": {"post": {"summary": "Place an order and await its confirmation", "parameters": [{"$ref": "#/components/parameters/prefer"}],
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
      "responses": {"201": {"description": "Confirmed"}, "202": {"description": "Still under way; see Location"}, "400": {"$ref": "#/components/responses/problem"},
        "409": {"$ref": "#/components/responses/problem"}, "413": {"$ref": "#/components/responses/problem"}, "415": {"$ref": "#/components/responses/problem"}, "422": {"$ref": "#/components/responses/problem"},
        "429": {"$ref": "#/components/responses/problem"}, "503": {"$ref": "#/components/responses/problem"}}}},
    "/orders/{id}": {"get": {"summary": "How far an order has come", "parameters": [{"$ref": "#/components/parameters/id"}],
      "responses": {"200": {"description": "Its status"}, "404": {"$ref": "#/components/responses/problem"}}}},
    "/returns": {"post": {"summary": "Send goods back against a credit note", "parameters": [{"$ref": "#/components/parameters/prefer"}],
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Return"}}}},
      "responses": {"201": {"description": "Completed"}, "202": {"description": "Still under way; see Location"}, "400": {"$ref": "#/components/responses/problem"},
        "409": {"$ref": "#/components/responses/problem"}, "413": {"$ref": "#/components/responses/problem"}, "415": {"$ref": "#/components/responses/problem"}, "422": {"$ref": "#/components/responses/problem"}}}},
    "/returns/{id}": {"get": {"summary": "How far a return has come", "parameters": [{"$ref": "#/components/parameters/id"}],
      "responses": {"200": {"description": "Its status"}, "404": {"$ref": "#/components/responses/problem"}}}},
    "/write-offs": {"post": {"summary": "Write goods off", "parameters": [{"$ref": "#/components/parameters/prefer"}],
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WriteOff"}}}},
      "responses": {"201": {"description": "Recorded"}, "202": {"description": "Still under way; see Location"}, "400": {"$ref": "#/components/responses/problem"},
        "409": {"$ref": "#/components/responses/problem"}, "413": {"$ref": "#/components/responses/problem"}, "415": {"$ref": "#/components/responses/problem"}, "422": {"$ref": "#/components/responses/problem"}}}},
    "/write-offs/{id}": {"get": {"summary": "What became of a write-off", "parameters": [{"$ref": "#/components/parameters/id"}],
      "responses": {"200": {"description": "Its status"}, "404": {"$ref": "#/components/responses/problem"}}}},
    "/insights/revenue": {"get": {"summary": "Revenue and refunds of a country", "parameters": [{"name": "country", "in": "query", "required": true, "schema": {"type": "string"}}],
      "responses": {"200": {"description": "Totals so far: integers of 64 bits, with every digit also beyond 2^53, where many readers round"}, "400": {"$ref": "#/components/responses/problem"}}}},
    "/insights/products": {"get": {"summary": "Best sellers", "parameters": [{"name": "top", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}}],
      "responses": {"200": {"description": "Products by units sold: integers of 64 bits, with every digit also beyond 2^53"}, "400": {"$ref": "#/components/responses/problem"}, "503": {"$ref": "#/components/responses/problem"}}}}
  },
  "components": {
    "parameters": {
      "id": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
      "prefer": {"name": "Prefer", "in": "header", "description": "wait=SECONDS: how long to await the outcome, 30 without it, at most 50", "schema": {"type": "string"}}
    },
    "responses": {"problem": {"description": "What is wrong (RFC 9457)", "content": {"application/problem+json": {"schema": {"type": "object",
      "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}}}}}}},
    "schemas": {
      "Line": {"type": "object", "required": ["product", "quantity", "unit_price_milli"], "properties": {"product": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "maxLength": 1000}, "quantity": {"type": "integer", "minimum": 1, "maximum": 1000000000},
        "unit_price_milli": {"type": "integer", "minimum": 0, "description": "thousandths of a pound"}}},
      "Order": {"type": "object", "required": ["order_id", "country", "ordered_at", "lines"], "properties": {"order_id": {"type": "string", "minLength": 1, "maxLength": 200}, "customer_id": {"type": "string", "maxLength": 100},
        "country": {"type": "string", "minLength": 1, "maxLength": 100}, "ordered_at": {"type": "string", "format": "date-time"}, "lines": {"type": "array", "minItems": 1, "maxItems": 10000, "items": {"$ref": "#/components/schemas/Line"}}}},
      "Return": {"type": "object", "required": ["return_id", "country", "ordered_at", "lines"], "properties": {"return_id": {"type": "string", "minLength": 1, "maxLength": 200}, "customer_id": {"type": "string", "maxLength": 100},
        "country": {"type": "string", "minLength": 1, "maxLength": 100}, "ordered_at": {"type": "string", "format": "date-time"}, "lines": {"type": "array", "minItems": 1, "maxItems": 10000, "items": {"$ref": "#/components/schemas/Line"}}}},
      "WriteOff": {"type": "object", "required": ["write_off_id", "country", "ordered_at", "lines"], "properties": {"write_off_id": {"type": "string", "minLength": 1, "maxLength": 200}, "customer_id": {"type": "string", "maxLength": 100},
        "country": {"type": "string", "minLength": 1, "maxLength": 100}, "ordered_at": {"type": "string", "format": "date-time"}, "lines": {"type": "array", "minItems": 1, "maxItems": 10000, "items": {"$ref": "#/components/schemas/Line"}}}}
    }
  }
})json";
}

}  // namespace retail::storefront
