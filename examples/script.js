// An ordinary k6 script. Try it: `loadproof demo serve` in one terminal, and in another
//
//     loadproof run examples/script.js
import http from 'k6/http';
import { check, sleep } from 'k6';

export const options = {
  stages: [
    { duration: '10s', target: 20 },
    { duration: '30s', target: 20 },
  ],
  thresholds: {
    http_req_duration: ['p(95)<500'],
    http_req_failed: ['rate<0.01'],
  },
};

const target = __ENV.BASE_URL || 'http://127.0.0.1:8000';

export default function () {
  const response = http.get(`${target}/api/products`);
  check(response, { 'status is 200': (r) => r.status === 200 });
  sleep(1);
}
