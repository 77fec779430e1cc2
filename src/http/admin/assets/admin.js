// The status page's own script. The page works without it; with it, times stay current, the page follows what happens,
// and buttons answer in place. No inline script, no library, nothing loaded from elsewhere.
(() => {
  'use strict';
  const root = document.documentElement;
  const THEME_KEY = 'avara-ingest-theme';

  /** Before the first paint, so that nothing flashes. */
  const storedTheme = () => {
    try {
      return localStorage.getItem(THEME_KEY);
    } catch {
      return null;
    }
  };
  const setTheme = (theme) => {
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  };
  setTheme(storedTheme());

  const spanOf = (ms) => {
    const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
    const minute = 60_000;
    const hour = 60 * minute;
    const day = 24 * hour;
    if (ms < 10_000) return 'a few seconds';
    if (ms < minute) return `${Math.round(ms / 1000)} seconds`;
    if (ms < 90 * minute) return count(Math.round(ms / minute), 'minute');
    if (ms < 36 * hour) return count(Math.round(ms / hour), 'hour');
    if (ms < 100 * day) return count(Math.round(ms / day), 'day');
    if (ms < 730 * day) return count(Math.round(ms / day / 30.4), 'month');
    return count(Math.round(ms / day / 365.25), 'year');
  };
  const refreshTimes = () => {
    for (const time of document.querySelectorAll('time[data-ago]')) {
      const at = Date.parse(time.dateTime);
      const text = at > Date.now() ? `in ${spanOf(at - Date.now())}` : `${spanOf(Date.now() - at)} ago`;
      if (time.textContent !== text) time.textContent = text;
    }
  };

  /** Makes `old` like `fresh`, touching as little as can be: focus, selection, open details and scrolling stay. */
  const sync = (old, fresh) => {
    if (old.dataset?.keep !== undefined) return;
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && !(name === 'open' && old.tagName === 'DETAILS'))
        old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if ((old.tagName === 'INPUT' || old.tagName === 'SELECT') && old.type !== 'hidden') return;
    syncChildren(old, fresh);
  };
  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset?.key : undefined);
  const isAlike = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
  const syncChildren = (old, fresh) => {
    const keyed = new Map();
    for (const child of old.children) if (keyOf(child) !== undefined) keyed.set(keyOf(child), child);
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const known = keyed.get(keyOf(wanted));
      if (known !== undefined && known !== place && isAlike(known, wanted)) old.insertBefore(known, place);
      const current = known !== undefined && isAlike(known, wanted) ? known : place;
      if (current !== null && isAlike(current, wanted)) {
        if (current.nodeType === Node.ELEMENT_NODE) sync(current, wanted);
        else if (current.nodeValue !== wanted.nodeValue) current.nodeValue = wanted.nodeValue;
        place = current.nextSibling;
      } else {
        old.insertBefore(document.importNode(wanted, true), place);
      }
    }
    while (place !== null) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  };

  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, 'text/html');
    const main = fresh.querySelector('main');
    // Another kind of page, such as the login: then all of it is needed.
    if (main === null || fresh.body.dataset.events === undefined) return false;
    sync(document.querySelector('main'), main);
    const navigation = fresh.querySelector('header nav');
    if (navigation !== null) sync(document.querySelector('header nav'), navigation);
    document.title = fresh.title;
    decorate();
    refreshTimes();
    return true;
  };
  /** How many answers of buttons were shown: a page that was asked for before the last of them is older than it. */
  let answers = 0;
  let isRefreshing = false;
  let isStale = false;
  const refresh = async () => {
    if (isRefreshing) {
      isStale = true;
      return;
    }
    isRefreshing = true;
    isStale = false;
    const answersBefore = answers;
    try {
      const url = new URL(location.href);
      const response = await fetch(url, { headers: { Accept: 'text/html' }, cache: 'no-store' });
      const text = await response.text();
      if (answers !== answersBefore) isStale = true;
      // The login page, say: then it is loaded as a whole.
      else if (response.ok && !show(text)) location.reload();
    } catch {
      // The daemon is away; the event stream comes back when it does.
    }
    // Not more often than this, however much happens.
    setTimeout(() => {
      isRefreshing = false;
      if (isStale) void refresh();
    }, 1500);
  };

  /** Buttons answer in place. */
  const onSubmit = async (event) => {
    const form = event.target;
    if (form.method !== 'post' || form.dataset.plain !== undefined) return;
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    form.setAttribute('aria-busy', 'true');
    try {
      const response = await fetch(form.action, {
        method: 'POST',
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: 'text/html' },
      });
      const text = await response.text();
      answers += 1;
      for (const kept of document.querySelectorAll('[data-keep]')) delete kept.dataset.keep;
      if (!show(text)) {
        const answer = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
        announce(answer?.textContent?.trim() || 'That did not work. Load the page again.');
      }
      if (response.redirected) {
        const url = new URL(response.url);
        url.searchParams.delete('done');
        url.searchParams.delete('n');
        history.replaceState(null, '', url.pathname + url.search + location.hash);
      }
      document.querySelector('.notice')?.scrollIntoView({ block: 'nearest' });
    } catch {
      announce('The daemon does not answer. Is it running?');
    } finally {
      if (button?.isConnected) button.disabled = false;
      form.removeAttribute('aria-busy');
    }
  };
  const announce = (text) => {
    document.querySelector('.notice')?.remove();
    const notice = document.createElement('p');
    notice.className = 'notice';
    notice.dataset.key = 'notice';
    notice.setAttribute('role', 'status');
    notice.textContent = text;
    document.querySelector('main').prepend(notice);
  };

  const copy = async (button, text) => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select and copy';
    }
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1500);
  };
  /** Adds what only makes sense with a script. */
  const decorate = () => {
    for (const code of document.querySelectorAll('[data-copy]')) {
      if (code.parentElement.querySelector(':scope > .copy')) continue;
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'copy';
      button.textContent = 'Copy';
      button.setAttribute('aria-label', `Copy ${code.textContent.slice(0, 40)}`);
      button.addEventListener('click', () => void copy(button, code.textContent));
      code.after(button);
    }
  };

  const listen = (path) => {
    const state = document.querySelector('[data-live-state]');
    let source;
    const mark = (isLive) => {
      if (!state) return;
      state.hidden = false;
      state.textContent = isLive ? 'Live' : 'Not live';
      state.classList.toggle('off', !isLive);
    };
    const open = () => {
      source = new EventSource(path);
      source.addEventListener('open', () => mark(true));
      source.addEventListener('changed', () => void refresh());
      source.addEventListener('figures', ({ data }) => {
        for (const [name, text] of Object.entries(JSON.parse(data)))
          for (const element of document.querySelectorAll(`[data-live="${name}"]`))
            element.textContent = text;
      });
      source.addEventListener('error', () => {
        mark(false);
        // Refused rather than interrupted: the session may be over.
        if (source.readyState === EventSource.CLOSED) {
          setTimeout(() => {
            void refresh();
            if (!document.hidden) open();
          }, 10_000);
        }
      });
    };
    document.addEventListener('visibilitychange', () => {
      source.close();
      if (document.hidden) return;
      open();
      void refresh();
    });
    if (!document.hidden) open();
    else source = { close: () => undefined };
    addEventListener('pagehide', () => source.close());
  };

  document.addEventListener('DOMContentLoaded', () => {
    const toggle = document.querySelector('[data-theme-toggle]');
    if (toggle) {
      toggle.hidden = false;
      toggle.addEventListener('click', () => {
        const isDark = root.dataset.theme
          ? root.dataset.theme === 'dark'
          : matchMedia('(prefers-color-scheme: dark)').matches;
        setTheme(isDark ? 'light' : 'dark');
        try {
          localStorage.setItem(THEME_KEY, root.dataset.theme);
        } catch {
          // Kept for this page only.
        }
      });
    }
    document.addEventListener('submit', (event) => void onSubmit(event));
    document.addEventListener('keydown', (event) => {
      const search = document.querySelector('[data-search]');
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? '')) return;
      event.preventDefault();
      if (search) search.focus();
      else location.assign('/studies');
    });
    const url = new URL(location.href);
    if (url.searchParams.has('done')) {
      url.searchParams.delete('done');
      url.searchParams.delete('n');
      history.replaceState(null, '', url.pathname + url.search + url.hash);
    }
    decorate();
    setInterval(refreshTimes, 5000);
    const { events } = document.body.dataset;
    if (events !== undefined) listen(events);
  });
})();
