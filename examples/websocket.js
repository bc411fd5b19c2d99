// A chat over WebSocket, in k6. Against a server of your own:
//
//     loadproof run examples/websocket.js --env URL=ws://127.0.0.1:8765/chat
import ws from 'k6/ws';
import { check } from 'k6';

export const options = { vus: 5, duration: '30s', thresholds: { checks: ['rate>0.99'] } };

export default function () {
  let answers = 0;
  const response = ws.connect(__ENV.URL, {}, (socket) => {
    socket.on('open', () => socket.send('hello'));
    socket.on('message', () => {
      answers += 1;
      socket.close();
    });
    socket.setTimeout(() => socket.close(), 2000);
  });
  check(response, { 'connected': (r) => r && r.status === 101 });
  check(answers, { 'answered': (n) => n === 1 });
}
