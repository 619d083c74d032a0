import test from "ava";
import { formatEndpoint, parseAdvertise, parseEndpoint } from "sanlab/lab/endpoint.ts";

test("endpoints are numeric addresses with a port, IPv6 in brackets", (t) => {
  t.deepEqual(parseEndpoint("127.0.0.1:3260"), { host: "127.0.0.1", port: 3260 });
  t.deepEqual(parseEndpoint("[::1]:0"), { host: "::1", port: 0 });
  for (const wrong of ["localhost:3260", "127.0.0.1", "::1:3260", "[127.0.0.1]:1", "1.2.3.4:65536", "1.2.3.400:1"]) {
    t.is(parseEndpoint(wrong), undefined, wrong);
  }
  for (const text of ["127.0.0.1:3260", "[fe80::1]:65535"]) {
    const endpoint = parseEndpoint(text);
    t.is(endpoint && formatEndpoint(endpoint), text);
  }
});

test("what is advertised may be a name, and keeps the bound port without one of its own", (t) => {
  t.deepEqual(parseAdvertise("san.example"), { host: "san.example" });
  t.deepEqual(parseAdvertise("10.0.2.2:3260"), { host: "10.0.2.2", port: 3260 });
  t.deepEqual(parseAdvertise("[::1]:3260"), { host: "::1", port: 3260 });
  t.is(parseAdvertise("san.example:70000"), undefined);
});
