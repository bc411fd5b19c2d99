// The same two scenarios for k6; SCENARIO and URL come from the environment.
import http from "k6/http";
import { check } from "k6";

const body = { user: "a", n: [1, 2, 3] };

export default function () {
  if (__ENV.SCENARIO === "post") {
    const answer = http.post(`${__ENV.URL}/api`, JSON.stringify(body), {
      headers: { "Content-Type": "application/json" },
    });
    check(answer, { good: (a) => a.status === 200 && a.json().id === 42 });
  } else {
    http.get(`${__ENV.URL}/`, { headers: { "X-Test": "1" } });
  }
}
