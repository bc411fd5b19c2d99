// Calls over gRPC, in k6. Against a server of your own:
//
//     loadproof run examples/grpc.js --env ADDRESS=127.0.0.1:50051
import grpc from 'k6/net/grpc';
import { check, sleep } from 'k6';

export const options = { vus: 5, duration: '30s', thresholds: { checks: ['rate>0.99'] } };

const client = new grpc.Client();
client.load([], 'health.proto');
let connected = false;

export default function () {
  if (!connected) {
    client.connect(__ENV.ADDRESS, { plaintext: true });
    connected = true;
  }
  const response = client.invoke('grpc.health.v1.Health/Check', { service: '' });
  check(response, { 'is up': (r) => r && r.status === grpc.StatusOK && r.message.status === 'SERVING' });
  sleep(0.5);
}
