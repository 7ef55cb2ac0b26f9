// @ts-check
/** The list by itself. */

import { bulk } from './bulk.js';
import { heed, heedMention } from './notify.js';
import { fetchPage, follow, gathered, remember, replaceParts, tellTimes } from './page.js';
import { renew } from './side.js';
import { countViews } from './views.js';

const PARTS = ['rooms', 'tabs', 'list'];

remember(PARTS);
tellTimes();
const refresh = gathered(async () => replaceParts(await fetchPage(), PARTS));
bulk(refresh);
renew(refresh);
const recount = countViews();
follow('', {
  look: refresh,
  conversation: (told) => {
    heed(told);
    recount();
    void refresh();
  },
  presence: refresh,
  mention: heedMention,
});
